import type { Metadata } from "next";
import english from "@messages/en.json";
import { SharedPage } from "@/components/shared/shared-page";

export const metadata: Metadata = { title: english.titles.shared, robots: { index: false } };

/** Where a link to a track leads: `/shared/#token=…`. */
export default function Page() {
  return <SharedPage />;
}
