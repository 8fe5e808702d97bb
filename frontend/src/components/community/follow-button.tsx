"use client";

import { useTranslations } from "use-intl";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { useTie, type Profile } from "@/lib/community";
import { useProblemText } from "@/lib/use-problem-text";

/** Follows somebody, or no longer. */
export function FollowButton({ profile, size = "small" }: { profile: Profile; size?: "small" | "medium" }) {
  const t = useTranslations("community");
  const text = useProblemText();
  const tie = useTie(profile.username);
  return (
    <Button
      size={size}
      look={profile.followed ? "quiet" : "primary"}
      aria-pressed={profile.followed}
      disabled={profile.blocked}
      onClick={() =>
        tie.mutate({ tie: "follow", on: !profile.followed }, { onError: (failure) => toast.error(text(failure)) })
      }
    >
      {profile.followed ? t("followed") : profile.follows_you ? t("followBack") : t("follow")}
    </Button>
  );
}
