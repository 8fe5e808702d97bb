import type { Metadata } from "next";
import { PlaylistsPage } from "@/components/community/playlists-page";

export const metadata: Metadata = { title: "Playlists" };

export default function Page() {
  return <PlaylistsPage />;
}
