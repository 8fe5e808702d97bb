import type { Metadata } from "next";
import { Lost } from "@/components/frame/lost";

export const metadata: Metadata = { title: "Not found" };

/** Nothing is here. */
export default function Page() {
  return <Lost />;
}
