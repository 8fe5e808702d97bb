import type { Metadata } from "next";
import english from "@messages/en.json";
import { Settings } from "@/components/settings/settings";

export const metadata: Metadata = { title: english.titles.settings };

/** What concerns the person and this browser. */
export default function Page() {
  return <Settings />;
}
