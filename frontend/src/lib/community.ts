"use client";

import {
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { answer, api, idempotencyKey, type Track } from "./api/client";
import type { components } from "./api/schema";
import { keys } from "./music";

type Schemas = components["schemas"];
export type Profile = Schemas["Profile"];
export type Comment = Schemas["Comment"];
export type Notification = Schemas["Notification"];
export type Playlist = Schemas["Playlist"];
export type PlaylistTrack = Schemas["PlaylistTrack"];
export type PlaylistMember = Schemas["PlaylistMember"];
export type ExploreSort = "trending" | "new";
export type PeopleKind = "followers" | "following";

/** So many people stand above the songs that a search finds. */
const MOST_PEOPLE = 12;

/** Keys of what other people do. Everything that holds tracks of many people begins with "songs". */
export const social = {
  explore: (sort: ExploreSort, tag: string | null) => ["songs", "explore", sort, tag] as const,
  feed: ["songs", "feed"] as const,
  likes: ["songs", "likes"] as const,
  songsOf: (name: string) => ["songs", "of", name] as const,
  search: (text: string) => ["songs", "search", text] as const,
  tags: ["tags"] as const,
  profile: (name: string) => ["profile", name] as const,
  foundPeople: (text: string) => ["people", "found", text] as const,
  people: (kind: PeopleKind, name: string) => ["people", kind, name] as const,
  comments: (track: string) => ["comments", track] as const,
  pins: (track: string) => ["comments", track, "pins"] as const,
  notifications: ["notifications"] as const,
  unread: ["unread"] as const,
  playlists: (owner: string) => ["playlists", owner] as const,
  playlist: (id: string) => ["playlist", id] as const,
  playlistTracks: (id: string) => ["playlist", id, "tracks"] as const,
};

type Page<Item> = { items: Item[]; next_cursor?: string | null };

function usePages<Item>(
  queryKey: readonly unknown[],
  ask: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<Item>>,
  enabled = true,
) {
  const query = useInfiniteQuery({
    queryKey,
    enabled,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => ask(pageParam, signal),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

/** What is heard by many now, or was published last. */
export function useExplore(sort: ExploreSort, tag: string | null) {
  return usePages<Track>(social.explore(sort, tag), (cursor) =>
    answer(
      api.GET("/api/v1/explore", { params: { query: { sort, tag: tag ? [tag] : undefined, cursor, limit: 24 } } }),
    ),
  );
}

/** What the people that one follows published, newest first. */
export function useFeed() {
  return usePages<Track>(social.feed, (cursor) =>
    answer(api.GET("/api/v1/feed", { params: { query: { cursor, limit: 24 } } })),
  );
}

/** What one likes. */
export function useLikes() {
  return usePages<Track>(social.likes, (cursor) =>
    answer(api.GET("/api/v1/users/me/likes", { params: { query: { cursor, limit: 24 } } })),
  );
}

/** The tags that public songs wear most. */
export function useTrendingTags() {
  return useQuery({
    queryKey: social.tags,
    staleTime: 5 * 60_000,
    queryFn: async () => (await answer(api.GET("/api/v1/explore/tags", { params: { query: { limit: 12 } } }))).items,
  });
}

/** Songs whose words match; a question that nobody waits for any more is called off. */
export function useFoundSongs(text: string) {
  return usePages<Track>(
    social.search(text),
    async (cursor, signal) => {
      const query = { q: text, cursor, limit: 24 };
      const { items, next_cursor } = await answer(api.GET("/api/v1/search", { params: { query }, signal }));
      return { items: items.flatMap(({ track }) => track ?? []), next_cursor };
    },
    text.length > 0,
  );
}

/** The people whose names match best. */
export function useFoundPeople(text: string) {
  return useQuery({
    queryKey: social.foundPeople(text),
    enabled: text.length > 0,
    queryFn: async ({ signal }): Promise<Profile[]> => {
      const query = { q: text, type: "users" as const, limit: MOST_PEOPLE };
      const { items } = await answer(api.GET("/api/v1/search", { params: { query }, signal }));
      return items.flatMap(({ user }) => user ?? []);
    },
  });
}

export function useProfile(name: string | undefined) {
  return useQuery({
    queryKey: social.profile(name ?? ""),
    enabled: Boolean(name),
    queryFn: () => answer(api.GET("/api/v1/users/{username}", { params: { path: { username: name! } } })),
  });
}

/** Somebody's public songs, newest first. */
export function useSongsOf(name: string) {
  return usePages<Track>(social.songsOf(name), (cursor) =>
    answer(
      api.GET("/api/v1/users/{username}/tracks", {
        params: { path: { username: name }, query: { cursor, limit: 24 } },
      }),
    ),
  );
}

/** Who follows somebody, or whom they follow. */
export function usePeople(kind: PeopleKind, name: string) {
  return usePages<Profile>(social.people(kind, name), (cursor) =>
    answer(
      api.GET(kind === "followers" ? "/api/v1/users/{username}/followers" : "/api/v1/users/{username}/following", {
        params: { path: { username: name }, query: { cursor, limit: 50 } },
      }),
    ),
  );
}

/** Put a change of one track wherever the track is shown. */
export function showTrack(queries: QueryClient, id: string, change: Partial<Track>): void {
  const changed = (track: Track) => (track.id === id ? { ...track, ...change } : track);
  queries.setQueryData<Track>(keys.track(id), (track) => track && changed(track));
  type Shown = Track | { track?: Track | null };
  const inPages = (pages: InfiniteData<Page<Shown>> | undefined) =>
    pages && {
      ...pages,
      pages: pages.pages.map((page) => ({
        ...page,
        items: page.items.map((item) =>
          "owner" in item ? changed(item) : item.track ? { ...item, track: changed(item.track) } : item,
        ),
      })),
    };
  queries.setQueriesData<InfiniteData<Page<Shown>>>({ queryKey: ["songs"] }, inPages);
  queries.setQueriesData<InfiniteData<Page<Shown>>>({ queryKey: keys.tracks }, inPages);
}

/** Like a track or no longer: shown at once, taken back when the server refuses. */
export function useLike() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, liked }: { id: string; liked: boolean; likes: number }) => {
      const call = { params: { path: { track_id: id } } };
      return answer(
        liked ? api.PUT("/api/v1/tracks/{track_id}/like", call) : api.DELETE("/api/v1/tracks/{track_id}/like", call),
      );
    },
    onMutate: ({ id, liked, likes }) => showTrack(queries, id, { liked, likes: Math.max(0, likes + (liked ? 1 : -1)) }),
    onSuccess: (state, { id }) => {
      showTrack(queries, id, state);
      void queries.invalidateQueries({ queryKey: social.likes });
    },
    onError: (_, { id, liked, likes }) => showTrack(queries, id, { liked: !liked, likes }),
  });
}

type Tie = "follow" | "mute" | "block";

/** Follow, mute or block somebody, or no longer. */
export function useTie(name: string) {
  const queries = useQueryClient();
  const show = (change: (profile: Profile) => Partial<Profile>) => {
    queries.setQueryData<Profile>(social.profile(name), (known) => known && { ...known, ...change(known) });
  };
  return useMutation({
    mutationFn: ({ tie, on }: { tie: Tie; on: boolean }) => {
      const call = { params: { path: { username: name } } };
      if (tie === "follow")
        return answer(
          on ? api.PUT("/api/v1/users/{username}/follow", call) : api.DELETE("/api/v1/users/{username}/follow", call),
        );
      if (tie === "mute")
        return answer(
          on ? api.PUT("/api/v1/users/{username}/mute", call) : api.DELETE("/api/v1/users/{username}/mute", call),
        );
      return answer(
        on ? api.PUT("/api/v1/users/{username}/block", call) : api.DELETE("/api/v1/users/{username}/block", call),
      );
    },
    onMutate: ({ tie, on }) => {
      if (tie === "follow")
        show((known) => ({ followed: on, followers: Math.max(0, known.followers + (on ? 1 : -1)) }));
      else show(() => (tie === "mute" ? { muted: on } : { blocked: on }));
    },
    onSettled: () => {
      for (const key of [["profile"], ["people"], ["songs"], ["comments"]])
        void queries.invalidateQueries({ queryKey: key });
    },
  });
}

/** What people say of a track, of a second of it or of all of it, newest first. */
export function useComments(track: string) {
  return usePages<Comment>(social.comments(track), (cursor) =>
    answer(
      api.GET("/api/v1/tracks/{track_id}/comments", {
        params: { path: { track_id: track }, query: { cursor, limit: 50 } },
      }),
    ),
  );
}

/** The first of what people say of seconds of a track, along its waveform. */
export function usePins(track: string) {
  return useQuery({
    queryKey: social.pins(track),
    queryFn: async () =>
      (
        await answer(
          api.GET("/api/v1/tracks/{track_id}/comments", {
            params: { path: { track_id: track }, query: { sort: "position", limit: 100 } },
          }),
        )
      ).items,
  });
}

/** Say something of a track, at a second of it or of all of it; or take it back. */
export function useCommenting(track: string) {
  const queries = useQueryClient();
  const onSuccess = () => {
    void queries.invalidateQueries({ queryKey: social.comments(track) });
    void queries.invalidateQueries({ queryKey: keys.track(track) });
  };
  const say = useMutation({
    mutationFn: ({ body, position }: { body: string; position: number | null }) =>
      answer(
        api.POST("/api/v1/tracks/{track_id}/comments", {
          params: { path: { track_id: track }, header: { "Idempotency-Key": idempotencyKey() } },
          body: { body, position },
        }),
      ),
    onSuccess,
  });
  const takeBack = useMutation({
    mutationFn: (comment: string) =>
      answer(
        api.DELETE("/api/v1/tracks/{track_id}/comments/{comment_id}", {
          params: { path: { track_id: track, comment_id: comment } },
        }),
      ),
    onSuccess,
  });
  return { say, takeBack };
}

/** How many notifications nobody has looked at yet. */
export function useUnread(enabled: boolean) {
  return useQuery({
    queryKey: social.unread,
    enabled,
    staleTime: 60_000,
    queryFn: async () => (await answer(api.GET("/api/v1/notifications/unread"))).unread,
  });
}

export function useNotifications(enabled: boolean) {
  return usePages<Notification>(
    social.notifications,
    (cursor) => answer(api.GET("/api/v1/notifications", { params: { query: { cursor, limit: 20 } } })),
    enabled,
  );
}

/** All of them were looked at. */
export function useMarkRead() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => answer(api.POST("/api/v1/notifications/read", { body: {} })),
    onSuccess: ({ unread }) => {
      queries.setQueryData(social.unread, unread);
      void queries.invalidateQueries({ queryKey: social.notifications });
    },
  });
}

/** One's own playlists and those that one was let into; with `owner` the public ones of somebody. */
export function usePlaylists(owner = "", enabled = true) {
  return usePages<Playlist>(
    social.playlists(owner),
    (cursor) =>
      answer(api.GET("/api/v1/playlists", { params: { query: { owner: owner || undefined, cursor, limit: 50 } } })),
    enabled,
  );
}

export function usePlaylist(id: string | undefined) {
  return useQuery({
    queryKey: social.playlist(id ?? ""),
    enabled: Boolean(id),
    queryFn: () => answer(api.GET("/api/v1/playlists/{playlist_id}", { params: { path: { playlist_id: id! } } })),
  });
}

export function usePlaylistTracks(id: string) {
  return usePages<PlaylistTrack>(social.playlistTracks(id), (cursor) =>
    answer(
      api.GET("/api/v1/playlists/{playlist_id}/tracks", {
        params: { path: { playlist_id: id }, query: { cursor, limit: 100 } },
      }),
    ),
  );
}

/** Who is in a playlist; its owner sees also who was asked. */
export function usePlaylistMembers(id: string) {
  return useQuery({
    queryKey: ["playlist", id, "members"],
    queryFn: async () =>
      (await answer(api.GET("/api/v1/playlists/{playlist_id}/members", { params: { path: { playlist_id: id } } })))
        .items,
  });
}

const MEMBER = "/api/v1/playlists/{playlist_id}/members/{username}";
const memberOf = (id: string, name: string) => ({ params: { path: { playlist_id: id, username: name } } });

/** What one may do with playlists; every change asks anew for what is shown. */
export function usePlaylistChanges() {
  const queries = useQueryClient();
  const refresh = () => {
    void queries.invalidateQueries({ queryKey: ["playlists"] });
    void queries.invalidateQueries({ queryKey: ["playlist"] });
  };
  const at = (playlist: string, track: string) => ({ params: { path: { playlist_id: playlist, track_id: track } } });
  return {
    make: useMutation({
      mutationFn: (title: string) =>
        answer(
          api.POST("/api/v1/playlists", {
            params: { header: { "Idempotency-Key": idempotencyKey() } },
            body: { title, description: "", public: false, collaborative: false },
          }),
        ),
      onSuccess: refresh,
    }),
    change: useMutation({
      mutationFn: ({
        id,
        change,
      }: {
        id: string;
        change: { title?: string; description?: string; public?: boolean; collaborative?: boolean };
      }) =>
        answer(api.PATCH("/api/v1/playlists/{playlist_id}", { params: { path: { playlist_id: id } }, body: change })),
      onSuccess: (playlist) => void queries.setQueryData(social.playlist(playlist.id), playlist),
      onSettled: refresh,
    }),
    remove: useMutation({
      mutationFn: (id: string) =>
        answer(api.DELETE("/api/v1/playlists/{playlist_id}", { params: { path: { playlist_id: id } } })),
      onSuccess: refresh,
    }),
    answerInvitation: useMutation({
      mutationFn: async ({ id, yes }: { id: string; yes: boolean }) => {
        const params = { path: { playlist_id: id } };
        if (yes) await answer(api.POST("/api/v1/playlists/{playlist_id}/invitation", { params }));
        else await answer(api.DELETE("/api/v1/playlists/{playlist_id}/invitation", { params }));
      },
      onSettled: refresh,
    }),
    invite: useMutation({
      mutationFn: ({ id, name }: { id: string; name: string }) => answer(api.PUT(MEMBER, memberOf(id, name))),
      onSettled: refresh,
    }),
    letGo: useMutation({
      mutationFn: ({ id, name }: { id: string; name: string }) => answer(api.DELETE(MEMBER, memberOf(id, name))),
      onSettled: refresh,
    }),
    put: useMutation({
      mutationFn: ({ playlist, track, position }: { playlist: string; track: string; position?: number }) =>
        answer(
          api.PUT("/api/v1/playlists/{playlist_id}/tracks/{track_id}", {
            ...at(playlist, track),
            body: position === undefined ? {} : { position },
          }),
        ),
      onSettled: refresh,
    }),
    takeOut: useMutation({
      mutationFn: ({ playlist, track }: { playlist: string; track: string }) =>
        answer(api.DELETE("/api/v1/playlists/{playlist_id}/tracks/{track_id}", at(playlist, track))),
      onSettled: refresh,
    }),
  };
}

export function personHref(name: string): string {
  return `/person/?name=${encodeURIComponent(name)}`;
}

export function playlistHref(id: string): string {
  return `/playlist/?id=${encodeURIComponent(id)}`;
}
