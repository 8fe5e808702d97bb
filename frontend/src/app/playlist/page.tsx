import type { Metadata } from "next";
import { PlaylistPage } from "@/components/community/playlist-page";

export const metadata: Metadata = { title: "Playlist" };

export default function Page() {
  return <PlaylistPage />;
}
