import type { Metadata } from "next";
import { Moderation } from "@/components/moderation/moderation";

export const metadata: Metadata = { title: "Moderation" };

/** What people reported, for those who decide. */
export default function Page() {
  return <Moderation />;
}
