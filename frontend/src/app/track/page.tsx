import type { Metadata } from "next";
import { TrackPage } from "@/components/track/track-page";

export const metadata: Metadata = { title: "Track" };

/** One track: `/track/?id=…`. */
export default function Page() {
  return <TrackPage />;
}
