# RFC 6558 §3.3
#! 7:19 expected a number of bytes, found the string "500K"; a number stands without quotes
require ["mime", "foreverypart", "fileinto", "convert"];
foreverypart
{
  if header :mime :param "filename" :contains
            "Content-Disposition" "inline"
  {
    if size :over "500K"
    {
     convert "image/tiff" "image/jpeg" ["pix-x=640","pix-y=480"];
    } else {

     convert "image/tiff" "image/jpeg" ["pix-x=320","pix-y=240"];
    }
  }
}
