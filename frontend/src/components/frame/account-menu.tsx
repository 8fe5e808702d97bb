"use client";

import Link from "next/link";
import { Gavel, LogOut, Moon, Settings, Shield, Sun } from "lucide-react";
import { useTranslations } from "use-intl";
import { Pop, menuItemClass } from "@/components/ui/pop";
import type { User } from "@/lib/api/client";
import { isGuest, mayModerate } from "@/lib/roles";
import { useSignOut, useVersion } from "@/lib/session";
import { applyTheme } from "@/lib/theme";

/** Who is signed in, and what concerns them. */
export function AccountMenu({ user }: { user: User }) {
  const t = useTranslations("frame");
  const signOut = useSignOut();
  const version = useVersion();
  const guests = useTranslations("guest");
  const guest = isGuest(user.role);
  const name = guest ? guests("name") : user.full_name || user.username;
  const turnLights = () => applyTheme(document.documentElement.dataset.theme === "light" ? "dark" : "light");
  return (
    <Pop
      label={t("account", { name })}
      align="end"
      trigger={name.slice(0, 1)}
      triggerClass="grid size-10 touch:size-11 place-items-center rounded-full border border-line bg-raised font-bold uppercase text-accent transition hover:border-line-strong"
      className="w-60 p-1.5"
    >
      <div className="px-3 pb-2 pt-1.5">
        <div className="truncate font-semibold">{name}</div>
        <div className="text-[13px] text-muted">
          {guest ? guests("stays") : <div className="truncate">{user.email}</div>}
        </div>
      </div>
      <button type="button" className={menuItemClass} onClick={turnLights}>
        <Sun size={16} aria-hidden className="hidden [[data-theme=dark]_&]:block" />
        <Moon size={16} aria-hidden className="[[data-theme=dark]_&]:hidden" />
        {t("turnLights")}
      </button>
      <Link prefetch={false} href="/settings/" className={menuItemClass}>
        <Settings size={16} aria-hidden />
        {t("settings")}
      </Link>
      {mayModerate(user.role) && (
        <Link prefetch={false} href="/moderation/" className={menuItemClass}>
          <Gavel size={16} aria-hidden />
          {t("moderation")}
        </Link>
      )}
      {user.role === "admin" && (
        <Link prefetch={false} href="/admin/" className={menuItemClass}>
          <Shield size={16} aria-hidden />
          {t("admin")}
        </Link>
      )}
      {version.data?.single_user === false && (
        <button type="button" data-close className={menuItemClass} onClick={() => signOut.mutate()}>
          <LogOut size={16} aria-hidden />
          {guest ? guests("leave") : t("signOut")}
        </button>
      )}
    </Pop>
  );
}
