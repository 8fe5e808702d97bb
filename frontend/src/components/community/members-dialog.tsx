"use client";

import { UserMinus } from "lucide-react";
import { useRouter } from "next/navigation";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Avatar } from "./avatar";
import { Button, IconButton } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Modal } from "@/components/ui/modal";
import { Failed, Skeleton } from "@/components/ui/states";
import { ProblemError } from "@/lib/api/problem";
import { usePlaylistChanges, usePlaylistMembers, type Playlist } from "@/lib/community";
import { useProblemText } from "@/lib/use-problem-text";

/** Who is in a playlist: its owner invites and lets go here, a member leaves. */
export default function MembersDialog({
  playlist,
  me,
  onClose,
}: {
  playlist: Playlist;
  me: string;
  onClose: () => void;
}) {
  const t = useTranslations("members");
  const text = useProblemText();
  const router = useRouter();
  const members = usePlaylistMembers(playlist.id);
  const { change, letGo } = usePlaylistChanges();
  const [gone, setGone] = useState<readonly string[]>([]);
  const [mayAdd, setMayAdd] = useState<boolean | null>(null);
  const owner = playlist.role === "owner";
  const complain = { onError: (failure: Error) => void toast.error(text(failure)) };
  const shown = members.data ?? [];

  // Whoever is let go stays in sight until this closes: toasts lie behind a dialog, and nobody is asked in twice for a slip.
  const finish = useRef(() => undefined as void);
  finish.current = () => {
    for (const name of gone)
      letGo.mutateAsync({ id: playlist.id, name }).catch((failure: Error) => void toast.error(text(failure)));
  };
  useEffect(() => {
    const leaving = () => finish.current();
    addEventListener("pagehide", leaving);
    return () => {
      removeEventListener("pagehide", leaving);
      leaving();
    };
  }, []);
  const leave = () =>
    letGo.mutate({ id: playlist.id, name: me }, { ...complain, onSuccess: () => router.push("/playlists/") });

  return (
    <Modal label={t("title")} onClose={onClose} className="w-[min(92vw,480px)]">
      <div className="flex flex-col gap-5 p-6">
        <h2 className="break-words text-xl">{t("title")}</h2>
        {owner && (
          <Invite playlist={playlist} onInvited={(name) => setGone((names) => names.filter((n) => n !== name))} />
        )}
        {owner && (
          <label className="flex items-start gap-3">
            <input
              type="checkbox"
              // As it was pressed, while the server is told.
              checked={mayAdd ?? playlist.collaborative}
              onChange={(event) => {
                const collaborative = event.target.checked;
                setMayAdd(collaborative);
                change.mutate(
                  { id: playlist.id, change: { collaborative } },
                  { ...complain, onSettled: () => setMayAdd(null) },
                );
              }}
              className="mt-1 size-4 accent-(--accent)"
            />
            <span>
              <span className="block font-medium">{t("mayAdd")}</span>
              <span className="block text-sm text-muted">{t("mayAddHint")}</span>
            </span>
          </label>
        )}
        {members.isPending ? (
          <Skeleton className="h-24" />
        ) : members.error && !members.data ? (
          <Failed failure={members.error} retry={() => void members.refetch()} />
        ) : shown.length === 0 ? (
          <p className="text-muted">{t("nobody")}</p>
        ) : (
          <ul aria-label={t("list")} className="flex flex-col gap-1">
            {shown.map((member) => (
              <li key={member.id} className="flex min-h-12 items-center gap-3">
                <Avatar name={member.username} className="size-9 text-sm" />
                <span className="min-w-0 flex-1">
                  <span
                    className={`block truncate font-medium ${gone.includes(member.username) ? "line-through" : ""}`}
                  >
                    {member.username}
                  </span>
                  {!member.accepted_at && <span className="block text-[13px] text-muted">{t("asked")}</span>}
                </span>
                {owner && !gone.includes(member.username) && (
                  <IconButton
                    label={t("remove", { name: member.username })}
                    onClick={() => setGone((names) => [...names, member.username])}
                  >
                    <UserMinus size={17} />
                  </IconButton>
                )}
                {gone.includes(member.username) && (
                  <Button
                    size="small"
                    autoFocus
                    aria-label={t("keepMember", { name: member.username })}
                    onClick={() => setGone((names) => names.filter((name) => name !== member.username))}
                  >
                    {t("undo")}
                  </Button>
                )}
              </li>
            ))}
          </ul>
        )}
        <div className="flex flex-wrap justify-end gap-2">
          {playlist.role === "member" && (
            <Button look="danger" disabled={letGo.isPending} onClick={leave}>
              {t("leave")}
            </Button>
          )}
          <Button onClick={onClose}>{t("close")}</Button>
        </div>
      </div>
    </Modal>
  );
}

/** Asks somebody in by name. */
function Invite({ playlist, onInvited }: { playlist: Playlist; onInvited: (name: string) => void }) {
  const t = useTranslations("members");
  const text = useProblemText();
  const { invite } = usePlaylistChanges();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const name = String(new FormData(form).get("username")).trim().replace(/^@/, "").toLowerCase();
    if (!name || invite.isPending) return;
    invite.mutate(
      { id: playlist.id, name },
      {
        onSuccess: (member) => {
          form.reset();
          onInvited(member.username);
          toast.success(t(member.accepted_at ? "isIn" : "invited", { name: member.username }));
        },
      },
    );
  };
  const unknown = invite.error instanceof ProblemError && invite.error.status === 404;
  const wrong = invite.error ? (unknown ? t("unknown") : text(invite.error)) : undefined;
  return (
    <form onSubmit={submit}>
      <Field
        label={t("username")}
        name="username"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={31}
        required
        autoFocus
        hint={t("hint")}
        wrong={wrong}
        onChange={() => invite.error && invite.reset()}
      >
        <Button look="primary" type="submit" disabled={invite.isPending}>
          {t("invite")}
        </Button>
      </Field>
    </form>
  );
}
