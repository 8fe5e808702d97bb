import type { Metadata } from "next";
import english from "@messages/en.json";
import { SignIn } from "@/components/account/sign-in";

export const metadata: Metadata = { title: english.titles.signIn };

/** For those who were here before. */
export default function Page() {
  return <SignIn />;
}
