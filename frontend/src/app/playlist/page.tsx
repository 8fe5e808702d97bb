import type { Metadata } from "next";
import english from "@messages/en.json";
import { Suspense } from "react";
import { PlaylistPage } from "@/components/community/playlist-page";
import { Skeleton } from "@/components/ui/states";

export const metadata: Metadata = { title: english.titles.playlist };

export default function Page() {
  return (
    <Suspense fallback={<Skeleton className="mx-auto mt-16 h-64 w-[calc(100%-2rem)] max-w-[1120px]" />}>
      <PlaylistPage />
    </Suspense>
  );
}
