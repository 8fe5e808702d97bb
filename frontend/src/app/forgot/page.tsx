import type { Metadata } from "next";
import { Forgot } from "@/components/account/forgot";

export const metadata: Metadata = { title: "Forgotten password" };

/** For those who cannot get in. */
export default function Page() {
  return <Forgot />;
}
