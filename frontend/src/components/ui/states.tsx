"use client";

import { RotateCcw, WifiOff } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./button";
import { ProblemError } from "@/lib/api/problem";
import { useProblemText } from "@/lib/use-problem-text";

/** What a page shows when there is nothing yet: what it is for, and the way on. */
export function Empty({
  picture,
  title,
  children,
  action,
}: {
  picture?: ReactNode;
  title: string;
  children: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="appear mx-auto flex max-w-md flex-col items-center gap-3 px-4 py-16 text-center">
      {picture}
      <h2 className="text-xl">{title}</h2>
      <p className="text-balance text-muted">{children}</p>
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}

/** Something could not be had: what happened and what to do next. */
export function Failed({
  failure,
  retry,
  alone = false,
}: {
  failure: Error;
  retry?: () => void;
  /** It stands instead of a whole page, and keeps off the window's edges itself. */
  alone?: boolean;
}) {
  const t = useTranslations("states");
  const text = useProblemText();
  const offline = failure instanceof ProblemError && failure.status === 0;
  return (
    <div
      role="alert"
      className={`panel mx-auto my-8 flex max-w-lg flex-col items-center gap-3 px-6 py-8 text-center ${alone ? "w-[calc(100%-2rem)]" : ""}`}
    >
      {offline && <WifiOff className="text-faint" aria-hidden />}
      <p className="font-semibold">{text(failure)}</p>
      {retry && (
        <Button onClick={retry}>
          <RotateCcw size={16} aria-hidden />
          {t("again")}
        </Button>
      )}
    </div>
  );
}

/** A place where something will be; it takes the space of the real thing. */
export function Skeleton({ className }: { className: string }) {
  return <div aria-hidden className={`breathing rounded-lg bg-raised ${className}`} />;
}
