"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { AudioLines, LibraryBig, SlidersVertical, UsersRound } from "lucide-react";
import { useTranslations } from "use-intl";
import { PLACES } from "./header";

const SIGNS = { create: AudioLines, studio: SlidersVertical, library: LibraryBig, community: UsersRound };

/** The places, under the thumb, on phones. */
export function TabBar() {
  const t = useTranslations("frame");
  const path = usePathname();
  return (
    <nav
      aria-label={t("places")}
      className="border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      <ul className="grid grid-cols-4">
        {PLACES.map(({ href, name }) => {
          const Sign = SIGNS[name];
          const here = path.startsWith(href.slice(0, -1));
          return (
            <li key={href}>
              <Link
                href={href}
                prefetch={false}
                aria-current={here ? "page" : undefined}
                className={`flex h-14 flex-col items-center justify-center gap-0.5 text-xs font-medium ${here ? "text-accent" : "text-muted"}`}
              >
                <Sign size={20} aria-hidden />
                {t(name)}
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
