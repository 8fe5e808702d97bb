import type { Metadata } from "next";
import english from "@messages/en.json";
import { SignUp } from "@/components/account/sign-up";

export const metadata: Metadata = { title: english.titles.signUp };

/** For those who come for the first time. */
export default function Page() {
  return <SignUp />;
}
