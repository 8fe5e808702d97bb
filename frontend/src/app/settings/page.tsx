import type { Metadata } from "next";
import { Settings } from "@/components/settings/settings";

export const metadata: Metadata = { title: "Settings" };

/** What concerns the person and this browser. */
export default function Page() {
  return <Settings />;
}
