"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { answer, api } from "@/lib/api/client";

/** Where to go after signing in: a page of our own, whatever the address line says. */
export function safeNext(search: string): string {
  const wanted = new URLSearchParams(search).get("next") ?? "";
  return /^\/[a-z]/.test(wanted) ? wanted : "/create/";
}

export type Credentials = { identifier: string; password: string };
export type NewAccount = { username: string; email: string; password: string };

function useArrive() {
  const queries = useQueryClient();
  const router = useRouter();
  return async () => {
    await queries.resetQueries();
    router.push(safeNext(location.search));
  };
}

const openSession = (credentials: Credentials) => answer(api.POST("/api/v1/auth/session", { body: credentials }));

/** Sign in: the server sets cookies, no token ever comes into a script's hands. */
export function useEnter() {
  const arrive = useArrive();
  return useMutation({ mutationFn: openSession, onSuccess: arrive });
}

/** Create an account and sign in to it. */
export function useRegister() {
  const arrive = useArrive();
  return useMutation({
    mutationFn: async (account: NewAccount) => {
      await answer(api.POST("/api/v1/auth/register", { body: account }));
      await openSession({ identifier: account.username, password: account.password });
    },
    onSuccess: arrive,
  });
}
