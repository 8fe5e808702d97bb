import type { Metadata } from "next";
import english from "@messages/en.json";
import { CreatePage } from "@/components/create/create-page";

export const metadata: Metadata = { title: english.titles.create };

/** Words in, takes out. */
export default function Page() {
  return <CreatePage />;
}
