"use client";

import { Pencil } from "lucide-react";
import { useRef, useState, type FormEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button, IconButton } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";
import { useChangeTrack } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";

/** The title, and a way to change it in its place. */
export function TitleEditor({ track }: { track: Track }) {
  const t = useTranslations("track");
  const text = useProblemText();
  const change = useChangeTrack();
  const [editing, setEditing] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const save = (event: FormEvent) => {
    event.preventDefault();
    const title = field.current?.value.trim() ?? "";
    setEditing(false);
    if (title && title !== track.title)
      change.mutate({ id: track.id, change: { title } }, { onError: (failure) => toast.error(text(failure)) });
  };
  const size = "text-[clamp(28px,4.2vw,48px)] font-[680] leading-[1.05] tracking-[-0.035em]";
  if (editing)
    return (
      <form
        onSubmit={save}
        className="flex items-center gap-2"
        onKeyDown={(event) => event.key === "Escape" && setEditing(false)}
      >
        <input
          ref={field}
          autoFocus
          defaultValue={track.title}
          maxLength={200}
          aria-label={t("titleLabel")}
          onFocus={(event) => event.target.select()}
          className={`${size} min-w-0 flex-1 border-b-2 border-line-strong bg-transparent outline-none focus:border-coral`}
        />
        <Button type="submit">{t("save")}</Button>
      </form>
    );
  return (
    <div className="group flex items-start gap-2">
      <h1 className={`${size} line-clamp-3 min-w-0 break-words`}>{track.title}</h1>
      <IconButton label={t("rename")} onClick={() => setEditing(true)} className="mt-1">
        <Pencil size={17} />
      </IconButton>
    </div>
  );
}
