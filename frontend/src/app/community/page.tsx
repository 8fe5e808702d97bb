import type { Metadata } from "next";
import { CommunityPage } from "@/components/community/community-page";

export const metadata: Metadata = { title: "Community" };

export default function Page() {
  return <CommunityPage />;
}
