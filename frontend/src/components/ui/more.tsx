"use client";

import { useEffect, useRef } from "react";
import { useTranslations } from "use-intl";
import { Button } from "./button";

/** Loads the next page when it comes into view, or is pressed. */
export function More({ load, loading }: { load: () => void; loading: boolean }) {
  const t = useTranslations("library");
  const place = useRef<HTMLDivElement>(null);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && latest.current(),
      { rootMargin: "600px" },
    );
    watcher.observe(place.current!);
    return () => watcher.disconnect();
  }, []);
  return (
    <div ref={place} className="mt-6 text-center">
      <Button onClick={load} disabled={loading}>
        {t("more")}
      </Button>
    </div>
  );
}
