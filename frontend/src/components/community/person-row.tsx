"use client";

import Link from "next/link";
import { useTranslations } from "use-intl";
import { Avatar } from "./avatar";
import { FollowButton } from "./follow-button";
import { personHref, type Profile } from "@/lib/community";

/** Somebody as a line of a list. */
export function PersonRow({ profile, me }: { profile: Profile; me: string }) {
  const t = useTranslations("community");
  return (
    <li className="flex items-center gap-3 rounded-lg px-2 py-2.5 transition hover:bg-surface md:gap-4">
      <Avatar name={profile.username} className="size-12 text-lg" />
      <div className="min-w-0 flex-1">
        <Link prefetch={false} href={personHref(profile.username)} className="font-semibold hover:underline">
          {profile.display_name || profile.username}
        </Link>
        <p className="truncate text-sm text-muted">
          {[`@${profile.username}`, t("songCount", { count: profile.tracks })].join(" · ")}
        </p>
      </div>
      {profile.username !== me && <FollowButton profile={profile} />}
    </li>
  );
}
