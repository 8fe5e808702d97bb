import type { Metadata } from "next";
import english from "@messages/en.json";
import { Admin } from "@/components/admin/admin";

export const metadata: Metadata = { title: english.titles.admin };

/** For whoever runs this server. */
export default function Page() {
  return <Admin />;
}
