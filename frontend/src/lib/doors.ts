"use client";

import { usePathname } from "next/navigation";
import { useEffect, useState } from "react";

const DOORS = /^\/sign-(in|up)\//;
/** Pages that nobody wants to come back to, or whose link is a secret that belongs into no query. */
const NO_WAY_BACK = /^\/($|forgot\/|reset-password\/|verify\/|shared\/)/;

/** What a link to a door says of the page to go to afterwards: this one, or the one that was wanted at the other door. */
export function wayBack(path: string, search: string): string {
  const wanted = DOORS.test(path) ? new URLSearchParams(search).get("next") : path + search;
  return wanted && !NO_WAY_BACK.test(wanted) ? `?next=${encodeURIComponent(wanted)}` : "";
}

/** Where one signs in and signs up; both lead back to this page. */
export function useDoors(): { signIn: string; signUp: string } {
  const path = usePathname();
  const [search, setSearch] = useState("");
  // Known in the browser only, because the pages are exported.
  useEffect(() => setSearch(location.search));
  const query = wayBack(path, search);
  return { signIn: `/sign-in/${query}`, signUp: `/sign-up/${query}` };
}
