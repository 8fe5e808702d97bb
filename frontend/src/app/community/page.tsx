import type { Metadata } from "next";
import english from "@messages/en.json";
import { CommunityPage } from "@/components/community/community-page";

export const metadata: Metadata = { title: english.titles.community };

export default function Page() {
  return <CommunityPage />;
}
