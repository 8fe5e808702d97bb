"use client";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, api, type User } from "./api/client";
import { ProblemError } from "./api/problem";
import { forgetJobs } from "./kept-jobs";
import { useDraft } from "@/stores/draft";
import { forgetQueue, usePlayer } from "@/stores/player";

const RETRY_MS = 5000;

export type SessionState = {
  user: User | null;
  loading: boolean;
  failure: Error | null;
  /** Whether the server has not answered so far; it is asked again. */
  unanswered: boolean;
};

/** What a question for the signed-in person says. Asked anew after a failure it has still failed: pages do not blink. */
export function sessionOf(query: {
  data: User | null | undefined;
  error: Error | null;
  failureCount: number;
  errorUpdateCount: number;
}): SessionState {
  const known = query.data !== undefined;
  const failure = query.error ?? (!known && query.errorUpdateCount > 0 ? new ProblemError(0, "offline", "", []) : null);
  return {
    user: query.data ?? null,
    loading: !known && !failure,
    failure,
    unanswered: query.failureCount > 0 || failure !== null,
  };
}

/** The signed-in person; null when nobody is. A server in single-user mode always answers with its owner. */
export function useSession(): SessionState {
  return sessionOf(
    useQuery({
      queryKey: ["me"],
      staleTime: 60_000,
      // Who opens the studio while the server is away is let in as soon as it is back.
      refetchInterval: ({ state }) => (state.status === "error" ? RETRY_MS : false),
      queryFn: async (): Promise<User | null> => {
        try {
          return await answer(api.GET("/api/v1/users/me"));
        } catch (failure) {
          if (failure instanceof ProblemError && failure.status === 401) return null;
          throw failure;
        }
      },
    }),
  );
}

/** What runs on the server, and whether it works without sign-in or lets guests in. */
export function useVersion(enabled = true) {
  return useQuery({ queryKey: ["version"], enabled, staleTime: Infinity, queryFn: () => answer(api.GET("/version")) });
}

/** What the account may make and keep, and how much of it is used. */
export function useUsage(enabled = true) {
  return useQuery({ queryKey: ["usage"], enabled, queryFn: () => answer(api.GET("/api/v1/users/me/usage")) });
}

/** Ends this browser's session and forgets everything that belonged to it. */
export function useSignOut() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.DELETE("/api/v1/auth/session")),
    onSuccess: () => {
      queries.clear();
      forgetQueue();
      forgetJobs();
      useDraft.getState().reset();
      useDraft.persist.clearStorage();
      usePlayer.getState().clear();
      usePlayer.getState().remove(0);
      location.assign("/");
    },
  });
}
