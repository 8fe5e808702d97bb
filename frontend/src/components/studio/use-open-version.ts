"use client";

import { useCallback, useState } from "react";
import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { fingerprint } from "@/lib/audio/differences";
import type { MixLink } from "@/lib/audio/kept";
import type { ReadSession, Unread } from "@/lib/audio/read-session";
import { useFreshMix, useMixChanges, useReadVersion } from "@/lib/mixes";
import { useProblemText } from "@/lib/use-problem-text";
import { useStudio } from "@/stores/studio";

/** How long the way back is offered, in milliseconds. */
const GRACE_MS = 10_000;

/** A version that the studio cannot show whole: somebody has to say whether it opens all the same. */
type Asked = { number: number; unread: Unread[]; go: () => void; drop: () => void };

/** Opens versions of a mix in the studio, each as one step that can be undone. `newest` is the mix's newest version. */
export function useOpenVersion(link: MixLink, newest: number) {
  const t = useTranslations("mixes");
  const text = useProblemText();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [busy, setBusy] = useState(false);
  const { title, bpm } = useStudio();
  const read = useReadVersion(title, bpm);
  const { restore: putInFront } = useMixChanges();
  const fresh = useFreshMix();

  const agreed = useCallback(
    (number: number, { unread }: ReadSession) =>
      !unread.length
        ? Promise.resolve(true)
        : new Promise<boolean>((answer) => {
            const settle = (yes: boolean) => () => {
              setAsked(null);
              answer(yes);
            };
            setAsked({ number, unread, go: settle(true), drop: settle(false) });
          }),
    [],
  );

  /**
   * Read a version, ask where something of it would be missing, then let `front` say which one is in front now; null where
   * that is not for this to decide.
   */
  const open = async (number: number, front: () => Promise<number | null>, said: (number: number) => string) => {
    const { projectId } = useStudio.getState();
    setBusy(true);
    try {
      const found = await read(link.id, number);
      if (!found) {
        toast.error(t("unreadable", { number }));
        return;
      }
      if (!(await agreed(number, found))) return;
      const base = await front();
      if (base === null) return;
      const here = () => useStudio.getState().projectId === projectId && useStudio.getState().mix?.id === link.id;
      if (!here()) return;
      const before = useStudio.getState().mix!;
      const replaced = useStudio.getState().replace(found.arrangement);
      useStudio.getState().link({ id: link.id, base, saved: fingerprint(found.arrangement) });
      const back = async () => {
        if (!here()) return;
        useStudio.getState().replace(replaced);
        // Whatever was in front on the server is in front again, as one more version: none is ever taken away.
        const made = base > newest ? (await putInFront.mutateAsync({ id: link.id, number: newest })).number : base;
        if (here())
          useStudio.getState().link({ id: link.id, base: made, saved: before.base === newest ? before.saved : "" });
      };
      toast(said(base), {
        duration: GRACE_MS,
        action: { label: t("undo"), onClick: () => void back().catch((failure) => toast.error(text(failure))) },
      });
    } catch (failure) {
      toast.error(text(failure));
    } finally {
      setBusy(false);
    }
  };

  return {
    asked,
    busy,
    /** Go on from a version as it is on the server. */
    take: (number: number) =>
      open(
        number,
        () => Promise.resolve(newest),
        () => t("taken", { number }),
      ),
    /** Make it the newest version again, and go on from it. */
    restore: (number: number) =>
      open(
        number,
        async () => {
          // What was saved meanwhile is met first: nobody's version goes out of sight unseen.
          if ((await fresh(link.id)).version !== newest) return null;
          return number === newest ? newest : (await putInFront.mutateAsync({ id: link.id, number })).number;
        },
        (made) => t("restored", { number, made }),
      ),
  };
}
