/** Whether somebody of this role decides about reports. */
export function mayModerate(role: string): boolean {
  return role === "moderator" || role === "admin";
}
