/** Whether somebody of this role only tries the studio. */
export function isGuest(role: string): boolean {
  return role === "guest";
}

/** Whether somebody of this role decides about reports. */
export function mayModerate(role: string): boolean {
  return role === "moderator" || role === "admin";
}
