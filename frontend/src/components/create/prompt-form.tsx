"use client";

import { useRouter } from "next/navigation";
import { ArrowUp, Loader, SlidersHorizontal } from "lucide-react";
import { lazy, Suspense, useRef, type FormEvent, type KeyboardEvent } from "react";
import { useTranslations } from "use-intl";
import { ModelPicker } from "./model-picker";
import { Starters } from "./starters";
import { Button } from "@/components/ui/button";
import { selectClass } from "@/components/ui/field";
import { clock } from "@/lib/format";
import { fittingLength, offeredLengths } from "@/lib/lengths";
import { isActive, playableTake, useMake, useModels, useTakes } from "@/lib/music";
import { isGuest } from "@/lib/roles";
import { useSession, useUsage } from "@/lib/session";
import { useProblemText } from "@/lib/use-problem-text";
import { draftRequest, useDraft } from "@/stores/draft";
import { usePlayer } from "@/stores/player";

const Advanced = lazy(() => import("./advanced"));

/** The longest of any model, where the catalogue cannot be had. */
const LONGEST_SECONDS = 600;
const TAKES = [1, 2, 3, 4];

/** Bring the takes into view where they lie below the fold, as on phones. */
function showTakes(): void {
  const heading = document.getElementById("takes");
  if (heading && heading.getBoundingClientRect().top > innerHeight * 0.6)
    heading.scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

/** Where one says what it should sound like. */
export function PromptForm() {
  const t = useTranslations("create");
  const guests = useTranslations("guest");
  const text = useProblemText();
  const router = useRouter();
  const draft = useDraft();
  const { user, loading } = useSession();
  const models = useModels(Boolean(user));
  const make = useMake();
  const field = useRef<HTMLTextAreaElement>(null);
  const model = models.data?.find((known) => (draft.model ? known.id === draft.model : known.default));
  const guest = user !== null && isGuest(user.role);
  const usage = useUsage(guest);
  // Nobody is offered what is none of theirs, not even for the moment until the server has said who they are.
  const modelKnown = user === null || models.data !== undefined || models.isError;
  const lengths = offeredLengths({
    model: modelKnown ? (model?.max_duration ?? LONGEST_SECONDS) : undefined,
    account: loading ? undefined : guest ? usage.data && (usage.data.longest_seconds_limit ?? Infinity) : Infinity,
  });
  const duration = fittingLength(draft.duration, lengths);
  const takes = useTakes(guest);
  // A guest's songs are made one after the other.
  const waits = guest && Boolean(takes.data?.some(isActive));

  const write = (prompt: string) => {
    draft.change({ prompt });
    field.current?.focus();
  };
  const submit = (event?: FormEvent) => {
    event?.preventDefault();
    if (make.isPending || waits) return;
    if (!draft.prompt.trim()) return field.current?.focus();
    if (!user && !loading) return router.push("/sign-up/?next=/create/");
    make.mutate(
      { request: draftRequest({ ...draft, duration }, model), count: guest ? 1 : draft.count },
      {
        onSuccess: (jobs) => {
          const player = usePlayer.getState();
          // Hear it while it is made, unless something is being listened to.
          if (!player.playing && jobs[0]) player.play([playableTake(jobs[0], user?.username ?? "")]);
          showTakes();
        },
      },
    );
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    }
  };

  return (
    <form onSubmit={submit} className="mt-6 md:mt-8">
      <div className="panel shadow-float relative transition focus-within:border-line-strong">
        <label htmlFor="prompt" className="sr-only">
          {t("question")}
        </label>
        <textarea
          ref={field}
          id="prompt"
          value={draft.prompt}
          onChange={(event) => draft.change({ prompt: event.target.value })}
          onKeyDown={onKey}
          maxLength={2000}
          rows={2}
          placeholder={t("placeholder")}
          aria-describedby="prompt-hint"
          className="field-sizing-content block max-h-60 min-h-[92px] w-full resize-none rounded-t-lg bg-transparent px-5 pb-3 pt-5 text-lg leading-relaxed outline-none md:text-xl"
        />
        <p id="prompt-hint" className="sr-only">
          {t("hint")}
        </p>
        <div className="flex flex-wrap items-center gap-2 border-t border-line px-3 py-3">
          <label className="contents">
            <span className="sr-only">{t("length")}</span>
            <select
              className={selectClass}
              value={lengths ? duration : ""}
              onChange={(event) => draft.change({ duration: Number(event.target.value) })}
              disabled={!lengths || (draft.advanced && draft.structure.length > 0)}
            >
              {lengths ? (
                lengths.map((seconds) => (
                  <option key={seconds} value={seconds}>
                    {clock(seconds)}
                  </option>
                ))
              ) : (
                <option value="">{clock(NaN)}</option>
              )}
            </select>
          </label>
          {!guest && (
            <label className={loading ? "invisible" : "contents"}>
              <span className="sr-only">{t("howMany")}</span>
              <select
                className={selectClass}
                value={draft.count}
                onChange={(event) => draft.change({ count: Number(event.target.value) })}
              >
                {TAKES.map((count) => (
                  <option key={count} value={count}>
                    {t("takesCount", { count })}
                  </option>
                ))}
              </select>
            </label>
          )}
          <ModelPicker models={models.data} chosen={model} onChoose={(id) => draft.change({ model: id })} />
          <button
            type="button"
            aria-expanded={draft.advanced}
            onClick={() => draft.change({ advanced: !draft.advanced })}
            className={`flex h-10 touch:h-11 items-center gap-2 rounded-lg px-3 font-medium transition hover:bg-raised ${draft.advanced ? "text-accent" : "text-muted"}`}
          >
            <SlidersHorizontal size={16} aria-hidden />
            {t("more")}
          </button>
          <Button
            look="primary"
            size="large"
            type="submit"
            disabled={make.isPending || waits}
            className="ml-auto max-sm:w-full"
          >
            {make.isPending ? (
              <Loader size={18} className="animate-spin" aria-hidden />
            ) : (
              <ArrowUp size={18} aria-hidden />
            )}
            {t("make")}
          </Button>
        </div>
        <Suspense>
          {draft.advanced && (
            <>
              <Advanced model={model} />
              <div className="border-t border-line p-3 sm:hidden">
                <Button look="primary" size="large" type="submit" disabled={make.isPending || waits} className="w-full">
                  <ArrowUp size={18} aria-hidden />
                  {t("make")}
                </Button>
              </div>
            </>
          )}
        </Suspense>
      </div>
      {waits && <p className="mt-3 text-sm text-muted">{guests("oneAtATime")}</p>}
      {make.error && (
        <p role="alert" className="mt-3 text-bad">
          {text(make.error)}
        </p>
      )}
      <Starters onWrite={write} className="mt-4" />
    </form>
  );
}
