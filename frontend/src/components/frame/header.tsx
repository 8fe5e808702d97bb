"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import { Search } from "lucide-react";
import { useTranslations } from "use-intl";
import { AccountMenu } from "./account-menu";
import { Bell } from "./bell";
import { Logo } from "./logo";
import { ButtonLink } from "@/components/ui/button";
import { useDoors } from "@/lib/doors";
import { useSession } from "@/lib/session";
import { useFrame } from "@/stores/frame";

/** The places of the studio, in the order in which a song travels through them. */
export const PLACES = [
  { href: "/create/", name: "create" },
  { href: "/studio/", name: "studio" },
  { href: "/library/", name: "library" },
  { href: "/community/", name: "community" },
] as const;

/** The top of every page. */
export function Header() {
  const t = useTranslations("frame");
  const path = usePathname();
  const { user, loading, failure } = useSession();
  const doors = useDoors();
  const openPalette = useFrame((frame) => frame.openPalette);
  return (
    <header className="sticky top-0 z-30 border-b border-line bg-[color-mix(in_oklab,var(--ground)_86%,transparent)] backdrop-blur-md">
      <div className="mx-auto flex h-16 max-w-[1440px] items-center gap-2 px-4 md:gap-3 md:px-6 lg:gap-6">
        <Link
          href="/"
          prefetch={false}
          className="flex shrink-0 items-center gap-2.5 touch:h-11 text-[17px] font-bold tracking-tight whitespace-nowrap"
        >
          <Logo />
          <span>Music Gen AI</span>
        </Link>
        <nav aria-label={t("places")} className="hidden md:block">
          <ul className="flex gap-1">
            {PLACES.map(({ href, name }) => {
              const here = path.startsWith(href.slice(0, -1));
              return (
                <li key={href}>
                  <Link
                    href={href}
                    prefetch={false}
                    aria-current={here ? "page" : undefined}
                    className={`relative block rounded-md px-3 py-2 font-medium transition hover:text-ink ${
                      here
                        ? "text-ink after:absolute after:inset-x-3 after:-bottom-[13px] after:h-0.5 after:rounded-full after:bg-coral"
                        : "text-muted"
                    }`}
                  >
                    {t(name)}
                  </Link>
                </li>
              );
            })}
          </ul>
        </nav>
        <div className="ml-auto flex items-center gap-2">
          {user && (
            <button
              type="button"
              onClick={openPalette}
              className="flex h-10 touch:h-11 touch:min-w-11 justify-center items-center gap-2 rounded-lg px-2.5 text-muted transition hover:bg-raised hover:text-ink md:border md:border-line md:bg-surface md:text-sm lg:pr-2"
            >
              <Search size={17} aria-hidden />
              <span className="max-md:sr-only">{t("search")}</span>
              <kbd
                aria-hidden
                className="ml-3 hidden rounded border border-line px-1.5 font-sans text-xs text-faint lg:inline"
              >
                ⌘K
              </kbd>
            </button>
          )}
          {user ? (
            <>
              <Bell />
              <AccountMenu user={user} />
            </>
          ) : (
            !loading &&
            !failure && (
              <>
                <ButtonLink look="plain" href={doors.signIn}>
                  {t("signIn")}
                </ButtonLink>
                <ButtonLink look="quiet" href={doors.signUp} className="max-sm:hidden">
                  {t("signUp")}
                </ButtonLink>
              </>
            )
          )}
        </div>
      </div>
    </header>
  );
}
