"use client";

import { usePathname } from "next/navigation";
import { useTranslations } from "use-intl";
import { ButtonLink } from "@/components/ui/button";
import { useDoors } from "@/lib/doors";
import { isGuest } from "@/lib/roles";
import { useSession } from "@/lib/session";

/** Tells a guest that this is a try, and how to keep what came of it. */
export function GuestBanner() {
  const t = useTranslations("guest");
  const path = usePathname();
  const { signUp } = useDoors();
  const { user } = useSession();
  if (!user || !isGuest(user.role) || path.startsWith("/sign-up") || path.startsWith("/sign-in")) return null;
  return (
    <aside aria-label={t("bannerName")} className="border-b border-line bg-raised px-4 py-2.5 text-sm md:px-6">
      <div className="mx-auto flex max-w-[1392px] items-center justify-between gap-x-6 gap-y-2">
        <p className="min-w-0">
          <span className="font-semibold">{t("banner")}</span>{" "}
          <span className="text-muted max-sm:hidden">{t("bannerMore")}</span>
        </p>
        <ButtonLink look="primary" size="small" href={signUp}>
          {t("keep")}
        </ButtonLink>
      </div>
    </aside>
  );
}
