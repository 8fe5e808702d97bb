"use client";

import { Globe, Lock } from "lucide-react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import type { Track } from "@/lib/api/client";
import { useChangeTrack } from "@/lib/music";
import { useProblemText } from "@/lib/use-problem-text";

/** Lets everybody hear a track, or nobody else. */
export function PublishButton({ track }: { track: Track }) {
  const t = useTranslations("community");
  const text = useProblemText();
  const change = useChangeTrack();
  const set = (publish: boolean) =>
    change.mutate(
      { id: track.id, change: { public: publish } },
      {
        onSuccess: () =>
          toast(t(publish ? "published" : "unpublished", { title: track.title }), {
            action: {
              label: t("undo"),
              onClick: () => change.mutate({ id: track.id, change: { public: !publish } }),
            },
          }),
        onError: (failure) => toast.error(text(failure)),
      },
    );
  return (
    <Button
      size="large"
      className="max-sm:px-4"
      aria-pressed={track.public}
      title={t(track.public ? "publicHint" : "privateHint")}
      onClick={() => set(!track.public)}
    >
      {track.public ? <Globe size={17} aria-hidden /> : <Lock size={17} aria-hidden />}
      {t(track.public ? "public" : "publish")}
    </Button>
  );
}
