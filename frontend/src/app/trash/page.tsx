import type { Metadata } from "next";
import { Trash } from "@/components/library/trash";

export const metadata: Metadata = { title: "Trash" };

/** What was deleted and can still be had back. */
export default function Page() {
  return <Trash />;
}
