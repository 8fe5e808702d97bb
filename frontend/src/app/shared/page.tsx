import type { Metadata } from "next";
import { SharedPage } from "@/components/shared/shared-page";

export const metadata: Metadata = { title: "Shared with you", robots: { index: false } };

/** Where a link to a track leads: `/shared/#token=…`. */
export default function Page() {
  return <SharedPage />;
}
