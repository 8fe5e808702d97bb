import type { Metadata } from "next";
import { Library } from "@/components/library/library";

export const metadata: Metadata = { title: "Library" };

/** Everything that was kept. */
export default function Page() {
  return <Library />;
}
