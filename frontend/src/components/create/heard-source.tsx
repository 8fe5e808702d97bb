"use client";

import { Loader, Mic, Square, Upload, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { useTranslations } from "use-intl";
import { TrackSelect } from "@/components/library/track-select";
import { Button } from "@/components/ui/button";
import { LONGEST_RECORDING_SECONDS, Recording, RecordingError } from "@/lib/audio/recorder";
import { clock } from "@/lib/format";
import { isActive, useTrack } from "@/lib/music";
import { useJob } from "@/lib/processing";
import { AUDIO_TYPES, useUpload } from "@/lib/uploads";
import { useProblemSentence, useProblemText } from "@/lib/use-problem-text";
import { type Draft, useDraft } from "@/stores/draft";

type Source = { of: (draft: Draft) => [id: string, title: string]; set: (id: string, title: string) => Partial<Draft> };

/** Where in the draft each stands. */
const SOURCES: Record<"melody" | "style", Source> = {
  melody: {
    of: ({ melodyId, melodyTitle }) => [melodyId, melodyTitle],
    set: (melodyId, melodyTitle) => ({ melodyId, melodyTitle }),
  },
  style: {
    of: ({ styleId, styleTitle }) => [styleId, styleTitle],
    set: (styleId, styleTitle) => ({ styleId, styleTitle }),
  },
};

/** A tune to follow or a manner to play in: from the library, from a file, or out of the microphone. */
export function HeardSource({ what }: { what: keyof typeof SOURCES }) {
  const t = useTranslations("advanced");
  const text = useProblemText();
  const whyFailed = useProblemSentence();
  const draft = useDraft();
  const [chosen, chosenTitle] = SOURCES[what].of(draft);
  const field = useRef<HTMLInputElement>(null);
  const [sent, setSent] = useState(0);
  const [problem, setProblem] = useState<string | null>(null);
  const [cutShort, setCutShort] = useState(false);
  const upload = useUpload(setSent);
  const job = useJob(upload.data?.id);
  const made = useTrack(job.data?.result?.track_ids[0]);
  const busy = upload.isPending || (job.data ? isActive(job.data) : false);
  const { id, title } = made.data ?? {};

  useEffect(() => {
    if (id) useDraft.getState().change(SOURCES[what].set(id, title ?? ""));
  }, [what, id, title]);

  const send = (file: File | undefined) => {
    if (!file || busy) return;
    setProblem(null);
    setCutShort(false);
    setSent(0);
    upload.mutate(file);
  };
  const failure =
    problem ?? (upload.error ? text(upload.error) : job.data?.status === "failed" ? whyFailed(job.data.error) : null);
  return (
    <div className="flex flex-col gap-2">
      <TrackSelect
        label={t(what)}
        none={t(what === "melody" ? "noMelody" : "noStyle")}
        value={chosen}
        title={chosenTitle}
        onChange={(id, title) => draft.change(SOURCES[what].set(id, title))}
      />
      <div className="flex flex-wrap gap-2">
        <input
          ref={field}
          type="file"
          accept={AUDIO_TYPES}
          tabIndex={-1}
          aria-label={t("uploadMelody")}
          className="sr-only"
          onChange={(event) => {
            send(event.target.files?.[0]);
            event.target.value = "";
          }}
        />
        <Button size="small" disabled={busy} onClick={() => field.current?.click()}>
          {busy ? <Loader size={15} className="animate-spin" aria-hidden /> : <Upload size={15} aria-hidden />}
          <span className="tabular">
            {upload.isPending
              ? t("sending", { percent: Math.round(sent * 100) })
              : busy
                ? t("listening")
                : t("uploadMelody")}
          </span>
        </Button>
        <Record
          disabled={busy}
          onDone={(file, wasCut) => {
            send(file);
            setCutShort(wasCut);
          }}
          onProblem={(failure) => {
            setProblem(failure);
            setCutShort(false);
          }}
        />
      </div>
      {cutShort && (
        <p role="status" className="text-[13px] text-muted">
          {t("recordingCut")}
        </p>
      )}
      {failure && (
        <p role="alert" className="text-[13px] text-bad">
          {failure}
        </p>
      )}
    </div>
  );
}

/** The microphone: one press begins, the next one keeps what was sung. */
function Record({
  disabled,
  onDone,
  onProblem,
}: {
  disabled: boolean;
  /** The recording; `wasCut` where the microphone went away before it was stopped. */
  onDone: (file: File, wasCut: boolean) => void;
  onProblem: (problem: string | null) => void;
}) {
  const t = useTranslations("advanced");
  const [recording, setRecording] = useState<Recording | null>(null);
  const [waiting, setWaiting] = useState(false);
  const [seconds, setSeconds] = useState(0);
  const meter = useRef<HTMLSpanElement>(null);
  const running = useRef<Recording | null>(null);
  const gone = useRef(false);

  useEffect(() => {
    gone.current = false;
    // Whoever leaves the page takes the microphone's light with them.
    return () => {
      gone.current = true;
      running.current?.cancel();
      running.current = null;
    };
  }, []);

  const fail = (failure: unknown) =>
    onProblem(t(`recordProblems.${failure instanceof RecordingError ? failure.problem : "unsupported"}`));
  const begin = async () => {
    onProblem(null);
    setWaiting(true);
    try {
      const begun = await Recording.begin();
      if (gone.current) return begun.cancel();
      running.current = begun;
      begun.onlost = () => void done.current(true);
      setSeconds(0);
      setRecording(begun);
    } catch (failure) {
      fail(failure);
    } finally {
      setWaiting(false);
    }
  };
  const finish = async (wasCut = false) => {
    const now = running.current;
    if (!now) return;
    running.current = null;
    setRecording(null);
    try {
      const name = `${t("recordingName")} ${new Date().toISOString().slice(0, 16).replace("T", " ")}.wav`;
      const file = await now.finish(name);
      if (!gone.current) onDone(file, wasCut);
    } catch (failure) {
      fail(failure);
    }
  };
  const done = useRef(finish);
  useEffect(() => {
    done.current = finish;
  });
  useEffect(() => {
    if (!recording) return;
    let handle = 0;
    const follow = () => {
      setSeconds(Math.floor(recording.seconds));
      const part = Math.min(1, Math.max(0, 1 + recording.levelDb / 54));
      if (meter.current) meter.current.style.transform = `scaleX(${part})`;
      if (recording.seconds >= LONGEST_RECORDING_SECONDS) return void done.current();
      handle = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(handle);
  }, [recording]);

  if (!recording)
    return (
      <Button size="small" disabled={disabled || waiting} onClick={() => void begin()}>
        <Mic size={15} aria-hidden />
        {waiting ? t("askingMicrophone") : t("record")}
      </Button>
    );
  return (
    <span className="flex items-center gap-2">
      <Button size="small" look="primary" autoFocus onClick={() => void finish()}>
        <Square size={13} fill="currentColor" aria-hidden />
        {t("stopRecording")}
      </Button>
      <span role="timer" aria-live="off" className="tabular text-sm">
        {clock(seconds)}
      </span>
      <span aria-hidden className="h-1.5 w-16 overflow-hidden rounded-full bg-line">
        <span ref={meter} className="making block h-full origin-left" style={{ transform: "scaleX(0)" }} />
      </span>
      <Button
        size="small"
        look="plain"
        aria-label={t("dropRecording")}
        onClick={() => {
          running.current?.cancel();
          running.current = null;
          setRecording(null);
        }}
      >
        <X size={15} aria-hidden />
      </Button>
    </span>
  );
}
