import type { Metadata } from "next";
import english from "@messages/en.json";
import { Moderation } from "@/components/moderation/moderation";

export const metadata: Metadata = { title: english.titles.moderation };

/** What people reported, for those who decide. */
export default function Page() {
  return <Moderation />;
}
