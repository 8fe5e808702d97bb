import type { Metadata } from "next";
import { Suspense } from "react";
import { PlaylistPage } from "@/components/community/playlist-page";
import { Skeleton } from "@/components/ui/states";

export const metadata: Metadata = { title: "Playlist" };

export default function Page() {
  return (
    <Suspense fallback={<Skeleton className="mx-auto mt-16 h-64 w-[calc(100%-2rem)] max-w-[1120px]" />}>
      <PlaylistPage />
    </Suspense>
  );
}
