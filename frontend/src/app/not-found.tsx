import type { Metadata } from "next";
import english from "@messages/en.json";
import { Lost } from "@/components/frame/lost";

export const metadata: Metadata = { title: english.titles.notFound };

/** Nothing is here. */
export default function Page() {
  return <Lost />;
}
