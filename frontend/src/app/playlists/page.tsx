import type { Metadata } from "next";
import english from "@messages/en.json";
import { PlaylistsPage } from "@/components/community/playlists-page";

export const metadata: Metadata = { title: english.titles.playlists };

export default function Page() {
  return <PlaylistsPage />;
}
