import type { Metadata } from "next";
import { CreatePage } from "@/components/create/create-page";

export const metadata: Metadata = { title: "Create" };

/** Words in, takes out. */
export default function Page() {
  return <CreatePage />;
}
