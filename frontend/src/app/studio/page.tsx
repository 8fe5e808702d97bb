import type { Metadata } from "next";
import { StudioPage } from "@/components/studio/studio-page";

export const metadata: Metadata = { title: "Studio" };

/** The editor: `/studio/?track=…`. */
export default function Page() {
  return <StudioPage />;
}
