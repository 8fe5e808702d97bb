"use client";

import { ImagePlus, ImageUp, Loader, Trash2 } from "lucide-react";
import { useEffect, useRef, useState, type ComponentProps, type DragEvent } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Modal } from "@/components/ui/modal";
import { TrackCover } from "@/components/ui/track-cover";
import type { Track } from "@/lib/api/client";
import { coverUrl } from "@/lib/cover-url";
import { fileProblem, PICTURE_TYPES, sizeProblem, useCoverChanges, type PictureProblem } from "@/lib/pictures";
import { useProblemText } from "@/lib/use-problem-text";

/** The picture of one's own track, and ways to give it another one: a button, or a file that is dropped on it. */
export function CoverEditor({ track, className = "" }: { track: Track; className?: string }) {
  const t = useTranslations("cover");
  const text = useProblemText();
  const field = useRef<HTMLInputElement>(null);
  const other = useRef<HTMLButtonElement>(null);
  const [picked, setPicked] = useState<File>();
  const [over, setOver] = useState(false);
  const { takeAway } = useCoverChanges(track);
  const take = (file: File | undefined) => file && setPicked(file);
  const drag = (event: DragEvent, on: boolean) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(on);
  };
  return (
    <div
      role="group"
      aria-label={t("group")}
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) => drag(event, false)}
      onDrop={(event) => {
        drag(event, false);
        take(event.dataTransfer.files[0]);
      }}
      className={`relative ${className}`}
    >
      <TrackCover
        seed={track.id}
        src={coverUrl(track)}
        sizes="(min-width: 768px) 240px, 160px"
        alt={t("of", { title: track.title })}
        className={`aspect-square w-full shadow-float ${over ? "outline-2 outline-offset-2 outline-coral" : ""}`}
      />
      <input
        ref={field}
        type="file"
        accept={PICTURE_TYPES.join(",")}
        tabIndex={-1}
        aria-label={t("choose")}
        className="sr-only"
        onChange={(event) => {
          take(event.target.files?.[0]);
          event.target.value = "";
        }}
      />
      <div className="absolute bottom-2 right-2 flex gap-2">
        {track.has_cover && (
          <OnPicture
            label={t("remove")}
            onClick={() => {
              takeAway(t("removed"), t("undo"), (failure) => toast.error(text(failure)));
              // Its button goes with the picture; the keyboard goes on from the one beside it.
              other.current?.focus();
            }}
          >
            <Trash2 size={17} />
          </OnPicture>
        )}
        <OnPicture
          label={t(track.has_cover ? "change" : "give")}
          ref={other}
          aria-haspopup="dialog"
          onClick={() => field.current?.click()}
        >
          {track.has_cover ? <ImageUp size={17} /> : <ImagePlus size={17} />}
        </OnPicture>
      </div>
      {picked && (
        <Preview
          track={track}
          file={picked}
          onOther={() => field.current?.click()}
          onClose={() => setPicked(undefined)}
        />
      )}
    </div>
  );
}

/** A button that is seen on any picture. */
function OnPicture({ label, children, ...rest }: ComponentProps<"button"> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className="grid size-10 touch:size-11 place-items-center rounded-full bg-black/65 text-white transition hover:bg-black/85"
      {...rest}
    >
      {children}
    </button>
  );
}

/** The picture as it will look, before it is sent. */
function Preview({
  track,
  file,
  onOther,
  onClose,
}: {
  track: Track;
  file: File;
  onOther: () => void;
  onClose: () => void;
}) {
  const t = useTranslations("cover");
  const text = useProblemText();
  const { give } = useCoverChanges(track);
  const [shown, setShown] = useState<{ file: File; url: string }>();
  const [found, setFound] = useState<{ file: File; problem: PictureProblem | "unreadable" | null }>();
  const atFirst = fileProblem(file);
  const { reset } = give;
  useEffect(() => {
    reset();
    if (atFirst) return;
    const url = URL.createObjectURL(file);
    setShown({ file, url });
    return () => URL.revokeObjectURL(url);
  }, [file, atFirst, reset]);
  const looked = found?.file === file;
  const problem = atFirst ?? (looked ? found.problem : null);
  const refused = give.error && text(give.error);
  return (
    <Modal label={t("title")} onClose={onClose} className="w-[min(92vw,400px)]">
      <div className="p-6">
        <h2 className="text-xl">{t("title")}</h2>
        <div className="mt-4 grid aspect-square place-items-center overflow-hidden rounded-lg bg-sunken">
          {!atFirst && shown?.file === file && (
            <img
              src={shown.url}
              alt={t("preview")}
              className={`size-full object-cover ${problem === "unreadable" ? "invisible" : ""}`}
              onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
                setFound({ file, problem: sizeProblem(naturalWidth, naturalHeight) })
              }
              onError={() => setFound({ file, problem: "unreadable" })}
            />
          )}
        </div>
        {problem || refused ? (
          <p role="alert" className="mt-4 text-sm text-bad">
            {problem ? t(`problems.${problem}`) : refused}
          </p>
        ) : (
          <p className="mt-4 text-sm text-muted">{t("square")}</p>
        )}
        <div className="mt-5 flex flex-wrap justify-end gap-2 max-sm:*:flex-1">
          <Button look="plain" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button disabled={give.isPending} onClick={onOther}>
            {t("other")}
          </Button>
          <Button
            look="primary"
            disabled={Boolean(problem) || !looked || give.isPending}
            onClick={() =>
              give.mutate(file, {
                onSuccess: () => {
                  toast(t("given"));
                  onClose();
                },
              })
            }
          >
            {give.isPending && <Loader size={16} className="animate-spin" aria-hidden />}
            {t(give.isPending ? "sending" : "use")}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
