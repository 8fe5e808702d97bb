"use client";

import type { FormEvent } from "react";
import { useTranslations } from "use-intl";
import { Field } from "@/components/ui/field";
import { FormEnd } from "@/components/ui/form-end";
import { Modal } from "@/components/ui/modal";
import { TextArea } from "@/components/ui/text-area";
import { usePlaylistChanges, type Playlist } from "@/lib/community";
import { useProblemText } from "@/lib/use-problem-text";

/** What a playlist is called, and what it is for. */
export function EditPlaylist({ playlist, onClose }: { playlist: Playlist; onClose: () => void }) {
  const t = useTranslations("community");
  const text = useProblemText();
  const { change } = usePlaylistChanges();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const title = String(form.get("title")).trim();
    const description = String(form.get("description")).trim().replaceAll("\r\n", "\n");
    if (title) change.mutate({ id: playlist.id, change: { title, description } }, { onSuccess: onClose });
  };
  return (
    <Modal label={t("editPlaylist")} onClose={onClose} className="w-[min(92vw,420px)]">
      <form onSubmit={submit} className="flex flex-col gap-4 p-6">
        <h2 className="text-xl">{t("editPlaylist")}</h2>
        <Field
          label={t("listTitle")}
          name="title"
          defaultValue={playlist.title}
          maxLength={200}
          autoComplete="off"
          autoFocus
          required
        />
        <TextArea label={t("listText")} name="description" defaultValue={playlist.description} maxLength={2000} />
        <FormEnd
          failure={change.error && text(change.error)}
          cancel={t("cancel")}
          onCancel={onClose}
          send={t("saveList")}
          busy={change.isPending}
        />
      </form>
    </Modal>
  );
}
