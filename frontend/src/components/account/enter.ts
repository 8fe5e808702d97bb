"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useEffect } from "react";
import { answer, api } from "@/lib/api/client";
import { isGuest } from "@/lib/roles";
import { useSession } from "@/lib/session";

/** Where to go after signing in: a page of our own, whatever the address line says. */
export function safeNext(search: string): string {
  const wanted = new URLSearchParams(search).get("next") ?? "";
  return /^\/[a-z]/.test(wanted) ? wanted : "/create/";
}

/** `totp`: the authenticator app's code, where the account has a second factor. */
export type Credentials = { identifier: string; password: string; totp?: string };
export type NewAccount = { username: string; email: string; password: string };

/** What is known of nobody being signed in is forgotten. */
export function useArrive() {
  const queries = useQueryClient();
  return async () => {
    // The door opens by itself (`useSkipDoor`) as soon as it is known who came in.
    await queries.resetQueries();
  };
}

const openSession = (credentials: Credentials) => answer(api.POST("/api/v1/auth/session", { body: credentials }));

/** Whoever is signed in already, as everybody is on a server in single-user mode, has no business at the door; a guest has. */
export function useSkipDoor(): void {
  const { user } = useSession();
  const router = useRouter();
  useEffect(() => {
    if (user && !isGuest(user.role)) router.replace(safeNext(location.search));
  }, [user, router]);
}

/** Sign in: the server sets cookies, no token ever comes into a script's hands. */
export function useEnter() {
  const arrive = useArrive();
  return useMutation({ mutationFn: openSession, onSuccess: arrive });
}

/** Create an account and sign in to it; a guest's becomes one, with everything in it. */
export function useRegister() {
  const arrive = useArrive();
  const { user } = useSession();
  const guest = user !== null && isGuest(user.role);
  return useMutation({
    /** Whether the account is signed in; false when a mail has to be answered first. */
    mutationFn: async (account: NewAccount): Promise<boolean> => {
      let status = 0;
      const note = <R extends { response: Response }>(result: R): R => {
        status = result.response.status;
        return result;
      };
      if (guest) await answer<unknown>(api.POST("/api/v1/auth/guest/register", { body: account }).then(note));
      else await answer<unknown>(api.POST("/api/v1/auth/register", { body: account }).then(note));
      if (status === 202) return false;
      // The answer to a guest has opened the account's session already.
      if (guest) return true;
      await openSession({ identifier: account.username, password: account.password });
      return true;
    },
    onSuccess: (signedIn) => (signedIn ? arrive() : undefined),
  });
}
