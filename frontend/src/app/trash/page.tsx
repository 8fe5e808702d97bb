import type { Metadata } from "next";
import english from "@messages/en.json";
import { Trash } from "@/components/library/trash";

export const metadata: Metadata = { title: english.titles.trash };

/** What was deleted and can still be had back. */
export default function Page() {
  return <Trash />;
}
