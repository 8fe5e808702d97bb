"use client";

import { ArrowDown, ArrowUp, AudioLines, X } from "lucide-react";
import { useTranslations } from "use-intl";
import { Modes } from "./modes";
import { Button, IconButton } from "@/components/ui/button";
import { clock } from "@/lib/format";
import { usePlayer } from "@/stores/player";

/** What plays now and what comes after it. */
export default function Queue() {
  const t = useTranslations("player");
  const { queue, index, jump, remove, move, clear } = usePlayer();
  return (
    <section
      aria-label={t("queue")}
      className="panel shadow-float absolute bottom-full right-2 mb-2 flex max-h-[60dvh] w-[min(96vw,380px)] flex-col bg-surface p-2 md:right-6"
    >
      <div className="flex items-center gap-1 pl-3">
        <h2 className="mr-auto py-2 text-sm font-semibold text-muted">{t("queue")}</h2>
        <Modes className="lg:hidden" />
        <Button size="small" look="plain" disabled={queue.length < 2} onClick={clear}>
          {t("clearQueue")}
        </Button>
      </div>
      <ol className="overflow-y-auto">
        {queue.map((item, at) => (
          <li key={`${item.id}-${at}`} className="group flex items-center rounded-md hover:bg-raised">
            <button
              type="button"
              onClick={() => jump(at)}
              aria-current={at === index ? "true" : undefined}
              className="flex min-w-0 flex-1 items-center gap-3 px-3 py-2 text-left touch:gap-2 touch:pl-1 touch:pr-0"
            >
              <span className="tabular w-5 text-center text-[13px] text-faint">
                {at === index ? <AudioLines size={16} className="text-accent" aria-label={t("nowPlaying")} /> : at + 1}
              </span>
              <span
                className={`min-w-0 flex-1 line-clamp-2 leading-snug ${at === index ? "font-semibold text-accent" : ""}`}
              >
                {item.title}
              </span>
              <span className="tabular text-[13px] text-faint touch:hidden">{clock(item.duration)}</span>
            </button>
            <span className="flex opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 touch:opacity-100">
              <IconButton
                label={t("moveUp", { title: item.title })}
                size="small"
                unavailable={at === 0}
                onClick={() => move(at, at - 1)}
              >
                <ArrowUp size={14} />
              </IconButton>
              <IconButton
                label={t("moveDown", { title: item.title })}
                size="small"
                unavailable={at === queue.length - 1}
                onClick={() => move(at, at + 1)}
              >
                <ArrowDown size={14} />
              </IconButton>
            </span>
            <IconButton label={t("removeFromQueue", { title: item.title })} size="small" onClick={() => remove(at)}>
              <X size={15} />
            </IconButton>
          </li>
        ))}
      </ol>
    </section>
  );
}
