import type { Metadata } from "next";
import english from "@messages/en.json";
import { Forgot } from "@/components/account/forgot";

export const metadata: Metadata = { title: english.titles.forgot };

/** For those who cannot get in. */
export default function Page() {
  return <Forgot />;
}
